// The controllers of kwok, which simulate nodes and their pods. Its own main package also has a server for `kubectl
// exec` and `logs` of simulated pods, which compiles with a later Kubernetes only.
package main

import (
	"context"
	"flag"
	"log"
	"os/signal"
	"syscall"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	nodefast "sigs.k8s.io/kwok/kustomize/stage/node/fast"
	heartbeat "sigs.k8s.io/kwok/kustomize/stage/node/heartbeat-with-lease"
	podfast "sigs.k8s.io/kwok/kustomize/stage/pod/fast"
	"sigs.k8s.io/kwok/pkg/apis/internalversion"
	"sigs.k8s.io/kwok/pkg/client/clientset/versioned"
	"sigs.k8s.io/kwok/pkg/config"
	"sigs.k8s.io/kwok/pkg/kwok/controllers"
	"sigs.k8s.io/kwok/pkg/utils/client"
)

func main() {
	kubeconfig := flag.String("kubeconfig", "", "the cluster and an identity in it")
	selector := flag.String("manage-nodes-with-annotation-selector", "", "the nodes to simulate")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *kubeconfig, *selector); err != nil {
		log.Fatal(err)
	}
	<-ctx.Done()
}

func run(ctx context.Context, kubeconfig, selector string) error {
	settings, err := configuration(kubeconfig)
	if err != nil {
		return err
	}
	defaults := config.GetKwokConfiguration(ctx).Options
	settings.ManageNodesWithAnnotationSelector = selector
	settings.CIDR = defaults.CIDR
	settings.PodPlayStageParallelism = defaults.PodPlayStageParallelism
	settings.NodePlayStageParallelism = defaults.NodePlayStageParallelism
	settings.NodeLeaseParallelism = defaults.NodeLeaseParallelism
	settings.NodeLeaseDurationSeconds = defaults.NodeLeaseDurationSeconds
	settings.PodsOnNodeSyncParallelism = defaults.PodsOnNodeSyncParallelism
	controller, err := controllers.NewController(*settings)
	if err != nil {
		return err
	}
	return controller.Start(ctx)
}

// configuration has everything that needs the cluster.
func configuration(kubeconfig string) (*controllers.Config, error) {
	clients, err := client.NewClientset("", kubeconfig)
	if err != nil {
		return nil, err
	}
	settings := &controllers.Config{
		Clock:                      clock.RealClock{},
		ImpersonatingDynamicClient: clients.ToImpersonatingDynamicClient(),
		ImpersonatingTypedClient:   clients.ToImpersonatingTypedClient(),
	}
	connection, err := clients.ToRESTConfig()
	if err != nil {
		return nil, err
	}
	if settings.DynamicClient, err = clients.ToDynamicClient(); err != nil {
		return nil, err
	}
	if settings.RESTMapper, err = clients.ToRESTMapper(); err != nil {
		return nil, err
	}
	if settings.RESTClient, err = rest.RESTClientFor(connection); err != nil {
		return nil, err
	}
	if settings.TypedClient, err = kubernetes.NewForConfig(connection); err != nil {
		return nil, err
	}
	if settings.TypedKwokClient, err = versioned.NewForConfig(connection); err != nil {
		return nil, err
	}
	if settings.ID, err = controllers.Identity(); err != nil {
		return nil, err
	}
	settings.LocalStages, err = stages()
	return settings, err
}

// stages are kwok's own: nodes are Ready and stay it, pods run at once, and those of a Job succeed.
func stages() (map[internalversion.StageResourceRef][]*internalversion.Stage, error) {
	found := map[internalversion.StageResourceRef][]*internalversion.Stage{}
	for _, text := range []string{
		nodefast.DefaultNodeInit,
		heartbeat.DefaultNodeHeartbeatWithLease,
		podfast.DefaultPodReady,
		podfast.DefaultPodComplete,
		podfast.DefaultPodDelete,
	} {
		stage, err := config.UnmarshalWithType[*internalversion.Stage](text)
		if err != nil {
			return nil, err
		}
		found[stage.Spec.ResourceRef] = append(found[stage.Spec.ResourceRef], stage)
	}
	return found, nil
}
